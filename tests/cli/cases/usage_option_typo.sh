"$ASCRIBE" explain --modle x --data y.h5 --out z.h5
