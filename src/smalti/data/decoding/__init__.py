"""One documented conversion from any stored picture to the pixels a model sees.

Every route (training, evaluation, prediction, serving) turns a picture into uint8 (C, H, W) here and nowhere else:

1. The first frame of an animated or many-page file (`pillow`).
2. Turned upright as its EXIF orientation says (`upright`).
3. Palettes, YCbCr, CMYK and LAB become RGB; 1-bit becomes 0 and 255. Embedded ICC profiles are not applied (`modes`).
4. Alpha (a channel, a transparent palette entry or colour key) is composited over white (`modes`).
5. Grey of 16 bits and more, and float, is scaled: value / white * 255, rounded to even, clipped to [0, 255] (`depth`).
   (Pillow's own `convert` would clip 16-bit grey at 255, so those pixels go through numpy.) PNG and TIFF colour of
   16 bits a channel arrives from Pillow already scaled to 8.
6. `in_chans` 1 makes colour grey by the ITU-R 601 luma, (19595 R + 38470 G + 7471 B + 32768) >> 16; 3 repeats grey;
   4 keeps the alpha of an RGBA picture as a fourth channel. Any other count must be the count that is stored (`bands`).

Arrays of pixels take the same road: bool is 0 and 255, uint8 stays, other integers and floats are scaled by `white`,
which of an array that a person hands in `depth.white_of` tells.

Where the caller says which size it wants, a JPEG of twice that size or more is scaled down by 2, 4 or 8 while it is
decoded (`jpeg`).
"""
