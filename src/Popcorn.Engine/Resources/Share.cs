namespace Popcorn.Engine.Resources;

/// <summary>
/// What an address, or a session of it, has used of the turns of a <see cref="TurnQueue"/>, which guards it.
/// </summary>
/// <param name="parent">The address of a session; the root of an address; null of the root.</param>
internal sealed class Share(Share? parent)
{
    private readonly HashSet<Share> _active = [];
    private int _pieces;

    /// <summary>See the constructor.</summary>
    public Share? Parent => parent;

    /// <summary>Seconds used, by a clock that does not stand still for those who are away.</summary>
    public double Used { get; private set; }

    /// <summary>Turns that it has now.</summary>
    public int Running { get; private set; }

    /// <summary>It wants a turn.</summary>
    /// <remarks>
    /// Whoever was away is level with the least of those who were not: neither does a newcomer push the others aside
    /// until it has caught up with them, nor does an old client suffer for what it used when nobody else was there.
    /// </remarks>
    public void Enter()
    {
        if (_pieces++ == 0 && parent is not null)
        {
            if (parent._active.Count > 0)
            {
                Used = Math.Max(Used, parent._active.Min(sibling => sibling.Used));
            }

            parent._active.Add(this);
        }

        parent?.Enter();
    }

    /// <summary>Its turn begins.</summary>
    public void Start()
    {
        Running++;
        parent?.Start();
    }

    /// <summary>Its turn has ended.</summary>
    public void Stop(double seconds)
    {
        Running--;
        Used += seconds;
        parent?.Stop(seconds);
    }

    /// <summary>It wants the turn no longer that it entered for.</summary>
    public void Leave()
    {
        if (--_pieces == 0)
        {
            parent?._active.Remove(this);
        }

        parent?.Leave();
    }
}
