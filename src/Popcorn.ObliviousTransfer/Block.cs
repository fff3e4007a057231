// A block of 128 bits, read as a little-endian number: element 0 is its low half. Bit i is also the coefficient of X^i
// in GF(2^128).
global using Block = System.Runtime.Intrinsics.Vector128<ulong>;
