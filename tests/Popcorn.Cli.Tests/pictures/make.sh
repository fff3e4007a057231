#!/usr/bin/env bash
# Makes the pictures of this folder with ImageMagick 6: one of every kind, 13 pixels wide and 11 high. Beside each lies
# what ImageMagick shows of it on white, in 8-bit samples pixel by pixel: PICTURE.raw.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
convert=${CONVERT:-convert}
gray=(-size 13x11 gradient: -rotate 30 -gravity center -crop 13x11+0+0 +repage -colorspace gray)
colour=(-size 13x11 xc: -sparse-color bilinear '0,0 red 12,0 lime 0,10 blue 12,10 yellow')
alpha=('(' -size 13x11 radial-gradient:white-black ')' -compose CopyOpacity -composite)

picture() { # PICTURE gray|rgb ARGUMENTS: writes a picture, and what is seen of it
    local file=$1 samples=$2
    shift 2
    "$convert" "$@" -strip "$file"
    "$convert" "${file#*:}" -background white -alpha remove -alpha off -depth 8 "$samples:${file#*:}.raw"
}

for depth in 1 2 4 8 16; do
    picture "gray$depth.png" gray "${gray[@]}" -depth "$depth" -define png:color-type=0 -define "png:bit-depth=$depth"
done
for depth in 1 2 4 8; do
    picture "palette$depth.png" rgb "${colour[@]}" +dither -colors $((1 << depth)) -type Palette \
        -define png:color-type=3 -define "png:bit-depth=$depth"
done
for depth in 8 16; do
    kind=(-depth "$depth" -define "png:bit-depth=$depth")
    picture "rgb$depth.png" rgb "${colour[@]}" "${kind[@]}" -define png:color-type=2
    picture "grayalpha$depth.png" gray "${gray[@]}" "${alpha[@]}" "${kind[@]}" -define png:color-type=4
    picture "rgba$depth.png" rgb "${colour[@]}" "${alpha[@]}" "${kind[@]}" -define png:color-type=6
done
picture interlaced-gray4.png gray "${gray[@]}" -depth 4 -interlace PNG -define png:color-type=0 -define png:bit-depth=4
picture interlaced-rgba16.png rgb "${colour[@]}" "${alpha[@]}" -depth 16 -interlace PNG -define png:color-type=6 \
    -define png:bit-depth=16
picture PNG8:palette-transparent.png rgb "${colour[@]}" +dither -colors 15 "${alpha[@]}" -channel A -threshold 50% \
    +channel
picture jpeg.jpg rgb "${colour[@]}" -quality 95
picture jpeg-gray.jpg gray "${gray[@]}" -quality 95
picture progressive.jpg rgb "${colour[@]}" -quality 95 -interlace JPEG
picture cmyk.jpg rgb "${colour[@]}" -colorspace CMYK -quality 95
picture rgb24.bmp rgb "${colour[@]}" -type TrueColor -define bmp:format=bmp3
picture palette8.bmp rgb "${colour[@]}" +dither -colors 200 -type Palette -compress none -define bmp:format=bmp3
picture rgba32.bmp rgb "${colour[@]}" "${alpha[@]}" -define bmp:format=bmp4
