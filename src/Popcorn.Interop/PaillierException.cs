namespace Popcorn.Interop;

/// <summary>
/// The one exception of this library for what data and environment can cause: bad keys, bad ciphertexts, no memory, no
/// native library. Its message is one line that says what to do. Calls that are wrong in themselves (a range outside a
/// batch, a disposed object) throw the framework's argument and disposal exceptions instead.
/// </summary>
public sealed class PaillierException : Exception
{
    /// <summary>Makes an exception.</summary>
    /// <param name="error">What went wrong.</param>
    /// <param name="message">One line that says what to do.</param>
    /// <param name="innerException">The cause, if another exception is.</param>
    public PaillierException(PaillierError error, string message, Exception? innerException = null)
        : base(message, innerException) => Error = error;

    /// <summary>What went wrong.</summary>
    public PaillierError Error { get; }
}
