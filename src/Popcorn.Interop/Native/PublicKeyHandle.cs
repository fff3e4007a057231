using System.Runtime.InteropServices;

namespace Popcorn.Interop.Native;

/// <summary>
/// Owns one reference to a <c>pc_public</c>: a public key and its arithmetic. Equal keys share one, which is collected
/// with the last of them.
/// </summary>
internal sealed class PublicKeyHandle() : SafeHandle(0, ownsHandle: true)
{
    private static readonly Lock Guard = new();
    private static readonly Dictionary<string, WeakReference<PublicKeyHandle>> Known = new(StringComparer.Ordinal);

    public override bool IsInvalid => handle == 0;

    protected override bool ReleaseHandle() => NativeMethods.PublicFree(handle) == 0;

    /// <summary>
    /// The handle of a key: an older one, if there is any, in place of this one. The native library knows by the
    /// address alone what belongs to one key.
    /// </summary>
    /// <param name="identity">Equal for equal keys.</param>
    internal PublicKeyHandle Share(string identity)
    {
        lock (Guard)
        {
            if (Known.TryGetValue(identity, out var known) && known.TryGetTarget(out PublicKeyHandle? shared))
            {
                Dispose();
                return shared;
            }

            foreach ((string name, WeakReference<PublicKeyHandle> other) in Known)
            {
                if (!other.TryGetTarget(out _))
                {
                    Known.Remove(name);
                }
            }

            Known[identity] = new WeakReference<PublicKeyHandle>(this);
            return this;
        }
    }
}
