"$ASCRIBE" explain --model m --data d.h5 --out o.h5 --precision fp16 --backend cpu
echo "exit $?"
"$ASCRIBE" explain --model m --data d.h5 --out o.h5 --precision bf16 --backend ref
