for hours in 0 -1 1h .5 1. 1.2.3 inf ''; do
    "$ASCRIBE" explain --model m --data d.h5 --out o.h5 --max-hours "$hours"
    echo "exit $?"
done
