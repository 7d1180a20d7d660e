"$ASCRIBE" explain --model m --data d.h5 --out o.h5 --estimator shap --masks m.h5 --budget 100
