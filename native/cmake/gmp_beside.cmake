# The library and its GMP go together: GMP is copied beside the library, under the name by which it is asked for, and
# looked for there first. It stays a file of its own, which whoever has it may replace (LGPL 3, section 4).
set_target_properties(popcorn_native PROPERTIES BUILD_WITH_INSTALL_RPATH ON INSTALL_RPATH "$ORIGIN")
if(NOT POPCORN_GMP_SOURCE)
  get_filename_component(gmp_folder "${GMP_LIBRARY}" DIRECTORY)
  find_file(GMP_RUNTIME libgmp.so.10 HINTS "${gmp_folder}" NO_DEFAULT_PATH)
  if(NOT GMP_RUNTIME)
    message(FATAL_ERROR "There is no libgmp.so.10 beside ${GMP_LIBRARY}: install GMP's shared library.")
  endif()
  add_custom_command(OUTPUT libgmp.so.10 DEPENDS "${GMP_RUNTIME}"
    COMMAND ${CMAKE_COMMAND} -E copy "${GMP_RUNTIME}" libgmp.so.10)
  add_custom_target(gmp_beside ALL DEPENDS libgmp.so.10)
endif()
