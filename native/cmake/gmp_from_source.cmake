# Builds GMP for the processor at hand from POPCORN_GMP_SOURCE, an archive or a source tree, and sets GMP_INCLUDE_DIR
# and GMP_LIBRARY. A processor newer than that GMP is taken for an old one: POPCORN_GMP_BUILD names what it can pass
# for. Static, and not exported from what it is linked into: a second GMP in the process does not meet it.
include(ExternalProject)
if(POLICY CMP0135)
  cmake_policy(SET CMP0135 NEW)
endif()
if(CMAKE_CROSSCOMPILING)
  message(FATAL_ERROR
    "POPCORN_GMP_SOURCE builds for the processor at hand and cannot be combined with cross-compiling.")
endif()
find_program(MAKE_PROGRAM NAMES gmake make)
find_program(M4_PROGRAM NAMES m4 gm4)
if(NOT MAKE_PROGRAM OR NOT M4_PROGRAM)
  message(FATAL_ERROR "Building GMP needs make and m4: install both.")
endif()
get_filename_component(gmp_source "${POPCORN_GMP_SOURCE}" ABSOLUTE)
if(NOT EXISTS "${gmp_source}")
  message(FATAL_ERROR "POPCORN_GMP_SOURCE: there is no '${gmp_source}'.")
endif()

# The library alone: demos and documents need more tools.
set(gmp_folders "SUBDIRS=mpn mpz mpq mpf printf scanf rand")
if(POPCORN_GMP_BUILD)
  set(gmp_build --build=${POPCORN_GMP_BUILD})
endif()
include(ProcessorCount)
ProcessorCount(processors)
set(gmp_prefix ${CMAKE_BINARY_DIR}/gmp)
set(GMP_INCLUDE_DIR ${gmp_prefix}/include)
set(GMP_LIBRARY ${gmp_prefix}/lib/libgmp.a)
file(MAKE_DIRECTORY ${GMP_INCLUDE_DIR})
ExternalProject_Add(gmp_from_source
  PREFIX ${gmp_prefix}
  URL ${gmp_source}
  CONFIGURE_COMMAND <SOURCE_DIR>/configure --prefix=<INSTALL_DIR> --disable-shared --enable-static --with-pic
                    --enable-silent-rules CC=${CMAKE_C_COMPILER} ${gmp_build}
  BUILD_COMMAND ${MAKE_PROGRAM} -j${processors} ${gmp_folders}
  INSTALL_COMMAND ${MAKE_PROGRAM} install ${gmp_folders}
  INSTALL_DIR ${gmp_prefix}
  BUILD_BYPRODUCTS ${GMP_LIBRARY}
  LOG_CONFIGURE ON LOG_BUILD ON LOG_INSTALL ON)
