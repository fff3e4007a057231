namespace Popcorn.Interop;

/// <summary>The one place where a status of the native library becomes an exception.</summary>
internal static class NativeStatus
{
    /// <summary>Returns when <paramref name="status"/> is OK.</summary>
    /// <param name="status">A <c>pc_status</c>.</param>
    /// <param name="operation">What was attempted, as a noun: it begins the message.</param>
    /// <exception cref="PaillierException">For every other status.</exception>
    internal static void Check(int status, string operation)
    {
        if (status != 0)
        {
            throw ToException((PaillierError)status, operation);
        }
    }

    private static PaillierException ToException(PaillierError error, string operation) =>
        new(error, $"{operation}: {Advice(error)}");

    private static string Advice(PaillierError error) => error switch
    {
        PaillierError.Null => "a required buffer is empty; pass one of the documented length.",
        PaillierError.Length => "a length or count does not fit; check it against the key and the batch.",
        PaillierError.Range => "an index or number is out of range; check it against the batch and the modulus.",
        PaillierError.Key => "the key is malformed or of a size that is not allowed; generate or copy it anew.",
        PaillierError.Ciphertext =>
            "a ciphertext is 0, not below n^2 or shares a factor with n; reject the data it came from.",
        PaillierError.Mismatch => "the objects belong to different keys; make them from the same public key.",
        PaillierError.Memory => "out of memory; use smaller batches or free some.",
        PaillierError.Unsupported =>
            "no such kernel here; unset POPCORN_KERNEL or let it name one that this build and processor have.",
        PaillierError.Program => "the program reads a register that was never written, or names one that is not there.",
        PaillierError.NoPrime => "the random candidates held no suitable prime; try again with fresh ones.",
        PaillierError.SelfTest => "a known-answer test failed; do not use this build of the native library.",
        PaillierError.Subgroup =>
            "a ciphertext was not made under this short-order key; reject all that came with it.",
        _ => $"the native library returned the unknown status {(int)error}; rebuild it with ./build.sh.",
    };
}
