#!/usr/bin/env bash
# Trains the embedded model anew on two cores, in about two hours; LOG.md says what each part takes.
# Run: nice -n 15 bash training/run.sh RUN
# RUN holds all that is made, outside the work tree. Stopped at any time, it goes on where it was.
set -euo pipefail
run=${1:?a folder for checkpoints, outside the work tree}
minutes=${PAINTER_MINUTES:-75}
python=${PYTHON:-python}
mkdir -p "$run/painter"
export OMP_NUM_THREADS=1

# Once a part is there, it is kept: unfinished ones are written under another name.
[ -d "$run/vae" ] || cp -r assets/kinora-mini/vae "$run/vae"

read_words() {
    [ -f "$run/words.npz" ] || $python -m training.word_vectors --output "$run/words.npz"
    if [ ! -d "$run/text_encoder" ]; then
        $python -m training.train_text --words "$run/words.npz" --output "$run/text" --steps 4500
        mv "$run/text/tokenizer" "$run/tokenizer"
        mv "$run/text/text_encoder" "$run/text_encoder"
    fi
}

read_words >> "$run/text.log" 2>&1
$python -m torch.distributed.run --nproc-per-node 2 -m training.train_painter \
    --folder "$run/painter" --minutes "$minutes" >> "$run/painter.log" 2>&1
$python -m training.export --parts "$run" --painter "$run/painter" --output "$run/kinora-mini"
$python -m training.evaluate --model "$run/kinora-mini" \
    --parts "reading" "renders" "judge" "prompts" "speed" --output "$run/kinora-mini/figures.json"
