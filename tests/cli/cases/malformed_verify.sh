echo "no HDF5" > a.h5
"$ASCRIBE" verify a.h5
