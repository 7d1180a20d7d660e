# cmake -DSOURCE=... -DFOLDER=... -DOPTIONS=a|b -P refuse_onednn_3.cmake
# Configures ascribe against a header that says oneDNN 3: AUTO takes OpenBLAS, onednn is refused with a reason.
string(REPLACE "|" ";" OPTIONS "${OPTIONS}")
file(REMOVE_RECURSE ${FOLDER})
file(WRITE ${FOLDER}/fake/oneapi/dnnl/dnnl_version.h
    "#define DNNL_VERSION_MAJOR 3\n#define DNNL_VERSION_MINOR 1\n#define DNNL_VERSION_PATCH 4\n")
foreach(choice AUTO onednn)
    execute_process(COMMAND ${CMAKE_COMMAND} -S ${SOURCE} -B ${FOLDER}/${choice} ${OPTIONS} -DASCRIBE_GEMM=${choice}
        -DASCRIBE_DNNL_INCLUDE=${FOLDER}/fake OUTPUT_VARIABLE said ERROR_VARIABLE complaint RESULT_VARIABLE status)
    if(choice STREQUAL "AUTO" AND NOT (status EQUAL 0 AND said MATCHES "matrix products  OpenBLAS"))
        message(FATAL_ERROR "AUTO: expected OpenBLAS, found status ${status} and\n${said}${complaint}")
    elseif(choice STREQUAL "onednn" AND (status EQUAL 0 OR NOT complaint MATCHES "found[ \n]+3\\.1\\.4"))
        message(FATAL_ERROR "onednn: expected to be refused for version 3.1.4, found status ${status} and\n${said}${complaint}")
    endif()
endforeach()
