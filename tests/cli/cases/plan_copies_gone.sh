# needs: demo/model demo/dataset.h5
# Copies that tasks worked with may be gone when the parts are merged: the run knows the plan's own model and dataset.
mkdir local && cp "$DATA/demo/dataset.h5" local/data.h5 && cp -r "$DATA/demo/model" local/model || exit
"$ASCRIBE" plan --model "$DATA/demo/model" --data "$DATA/demo/dataset.h5" --limit 4 --method occlusion --out r.h5 --tasks 1 -o plan.json --quiet || exit
"$ASCRIBE" explain --plan plan.json --task 0 --data local/data.h5 --model local/model --quiet || exit
rm -r local
"$ASCRIBE" merge plan.json --quiet && "$ASCRIBE" verify r.h5
