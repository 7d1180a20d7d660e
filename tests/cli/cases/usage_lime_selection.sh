"$ASCRIBE" explain --model m --data d.h5 --out o.h5 --method lime --lime-selection magic
