echo "no HDF5" > a.h5
"$ASCRIBE" inspect a.h5
