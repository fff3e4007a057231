# The library and its GMP go together: GMP is copied beside the library, under the name by which it is asked for, and
# looked for there first. It stays a file of its own, which whoever has it may replace (LGPL 3, section 4).
if(WIN32)
  set(gmp_name libgmp-10.dll)
else()
  set(gmp_name libgmp.so.10)
  set_target_properties(popcorn_native PROPERTIES BUILD_WITH_INSTALL_RPATH ON INSTALL_RPATH "$ORIGIN")
endif()
get_filename_component(gmp_folder "${GMP_LIBRARY}" DIRECTORY)
find_file(GMP_RUNTIME ${gmp_name} HINTS "${gmp_folder}" "${gmp_folder}/../bin" NO_DEFAULT_PATH)
if(NOT GMP_RUNTIME)
  message(FATAL_ERROR "There is no ${gmp_name} beside ${GMP_LIBRARY}: install GMP's shared library.")
endif()
add_custom_command(OUTPUT ${gmp_name} DEPENDS "${GMP_RUNTIME}"
  COMMAND ${CMAKE_COMMAND} -E copy "${GMP_RUNTIME}" ${gmp_name})
add_custom_target(gmp_beside DEPENDS ${gmp_name})
add_dependencies(popcorn_native gmp_beside)
