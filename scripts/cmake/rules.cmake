# What every C target is compiled with, and the function that makes the object library of one module.

# Bits are part of the contract: no contraction to fused multiply-add anywhere, and never -ffast-math.
add_library(ascribe_rules INTERFACE)
target_compile_features(ascribe_rules INTERFACE c_std_17)
target_compile_definitions(ascribe_rules INTERFACE _GNU_SOURCE)
target_compile_options(ascribe_rules INTERFACE -ffp-contract=off
    -Wall -Wextra -Wpedantic -Wshadow -Wpointer-arith -Wstrict-prototypes -Wundef -Wconversion
    $<$<BOOL:${ASCRIBE_WERROR}>:-Werror>)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

# The public headers; version.h is generated.
configure_file(${PROJECT_SOURCE_DIR}/include/ascribe/version.h.in ${PROJECT_BINARY_DIR}/include/ascribe/version.h @ONLY)
add_library(ascribe_api INTERFACE)
target_include_directories(ascribe_api INTERFACE
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<BUILD_INTERFACE:${PROJECT_BINARY_DIR}/include>
    $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)

# ascribe_module(NAME SOURCES file ... [SEES folder ...] [LINKS target ...])
# SEES: folders for the quoted includes. A module sees no header of a folder or library that is not named here.
function(ascribe_module name)
    cmake_parse_arguments(PARSE_ARGV 1 module "" "" "SOURCES;SEES;LINKS")
    add_library(${name} OBJECT ${module_SOURCES})
    target_include_directories(${name} PRIVATE ${module_SEES})
    target_link_libraries(${name} PRIVATE ascribe_rules ascribe_api ${module_LINKS})
    set_property(GLOBAL APPEND PROPERTY ascribe_modules ${name})
    set_property(GLOBAL APPEND PROPERTY ascribe_module_links ${module_LINKS})
endfunction()
