# needs: prepare demo/model demo/dataset.h5
# Weights that went through pytorch_model.bin (made without PyTorch) give the same attributions, bit for bit.
mkdir model && cp "$DATA"/demo/model/*.json "$DATA"/demo/model/vocab.txt model/ || exit
python3 "$DATA/../tests/python/torch_file_writer.py" "$DATA/demo/model/model.safetensors" model/pytorch_model.bin || exit
set -- --data "$DATA/demo/dataset.h5" --limit 1 --budget 64 --quiet
"$ASCRIBE" explain --model model "$@" --out none.h5 2> refused
echo "exit $?"
grep -c "ascribe convert model" refused
"$ASCRIBE" convert model --quiet && rm model/pytorch_model.bin || exit
"$ASCRIBE" explain --model model "$@" --out converted.h5 && "$ASCRIBE" export converted.h5 --csv > converted.csv || exit
"$ASCRIBE" explain --model "$DATA/demo/model" "$@" --out original.h5 && "$ASCRIBE" export original.h5 --csv > original.csv || exit
cmp original.csv converted.csv && echo same
