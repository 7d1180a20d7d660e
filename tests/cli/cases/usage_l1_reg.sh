"$ASCRIBE" explain --model m --data d.h5 --out o.h5 --l1-reg num_features:10
