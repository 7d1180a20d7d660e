echo "no HDF5" > a.h5
"$ASCRIBE" explain --model m --data a.h5 --out o.h5
