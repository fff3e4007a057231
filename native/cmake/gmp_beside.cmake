# The library and its GMP go together: GMP is copied beside the library, under the name by which it is asked for, and
# looked for there first. It stays a file of its own, which whoever has it may replace (LGPL 3, section 4).
set_target_properties(popcorn_native PROPERTIES BUILD_WITH_INSTALL_RPATH ON INSTALL_RPATH "$ORIGIN")
if(NOT POPCORN_GMP_SOURCE)
  get_filename_component(gmp_folder "${GMP_LIBRARY}" DIRECTORY)
  find_file(GMP_RUNTIME libgmp.so.10 HINTS "${gmp_folder}" NO_DEFAULT_PATH)
  if(NOT GMP_RUNTIME)
    message(FATAL_ERROR "There is no libgmp.so.10 beside ${GMP_LIBRARY}: install GMP's shared library.")
  endif()
  add_custom_command(TARGET popcorn_native POST_BUILD
    COMMAND ${CMAKE_COMMAND} -E copy_if_different "${GMP_RUNTIME}" $<TARGET_FILE_DIR:popcorn_native>/libgmp.so.10)
endif()
