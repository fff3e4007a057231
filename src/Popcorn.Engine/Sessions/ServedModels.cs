namespace Popcorn.Engine.Sessions;

/// <summary>
/// The models that a server has, by name. They may come, be replaced and go while it serves: a session keeps the model
/// that it began with, and what is replaced or removed is disposed when the last session that uses it has ended. What
/// is still here in the end is for whoever made it to dispose. Thread-safe.
/// </summary>
public sealed class ServedModels
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, ServedModel> _models = new(StringComparer.Ordinal);
    private readonly Dictionary<ServedModel, int> _sessions = new(ReferenceEqualityComparer.Instance);
    private readonly HashSet<ServedModel> _retired = new(ReferenceEqualityComparer.Instance);

    /// <summary>Some models to begin with.</summary>
    /// <param name="models">The models.</param>
    /// <exception cref="PopcornException">Two have the same name.</exception>
    public ServedModels(params IEnumerable<ServedModel> models)
    {
        ArgumentNullException.ThrowIfNull(models);
        foreach (ServedModel model in models)
        {
            Add(model);
        }
    }

    /// <summary>Those that new sessions can ask for, by name.</summary>
    public IReadOnlyList<ServedModel> All
    {
        get
        {
            lock (_lock)
            {
                return [.. _models.Values.OrderBy(model => model.Name, StringComparer.Ordinal)];
            }
        }
    }

    /// <summary>How many new sessions can ask for.</summary>
    public int Count
    {
        get
        {
            lock (_lock)
            {
                return _models.Count;
            }
        }
    }

    /// <summary>Adds a model.</summary>
    /// <param name="model">The model.</param>
    /// <exception cref="PopcornException">There is one of its name.</exception>
    public void Add(ServedModel model)
    {
        ArgumentNullException.ThrowIfNull(model);
        lock (_lock)
        {
            if (!_models.TryAdd(model.Name, model))
            {
                throw new PopcornException($"Two models are named '{model.Name}'; rename one of the files.");
            }

            _retired.Remove(model);
        }
    }

    /// <summary>Adds a model, in the place of the one of its name where there is one: sessions that begin from now on
    /// get this one.</summary>
    /// <param name="model">The model.</param>
    public void Put(ServedModel model)
    {
        ArgumentNullException.ThrowIfNull(model);
        lock (_lock)
        {
            _models.TryGetValue(model.Name, out ServedModel? before);
            _models[model.Name] = model;
            _retired.Remove(model);
            if (before is not null && before != model)
            {
                Retire(before);
            }
        }
    }

    /// <summary>Removes a model: no session that begins from now on gets it.</summary>
    /// <param name="name">Its name.</param>
    /// <returns>Whether there was one.</returns>
    public bool Remove(string name)
    {
        lock (_lock)
        {
            if (!_models.Remove(name, out ServedModel? model))
            {
                return false;
            }

            Retire(model);
            return true;
        }
    }

    /// <summary>A model for a session, which gives it back.</summary>
    /// <returns>Null: there is none of this name.</returns>
    internal ServedModel? Rent(string name)
    {
        lock (_lock)
        {
            if (_models.TryGetValue(name, out ServedModel? model))
            {
                _sessions[model] = _sessions.GetValueOrDefault(model) + 1;
            }

            return model;
        }
    }

    /// <summary>A session that rented it has ended.</summary>
    internal void Return(ServedModel model)
    {
        lock (_lock)
        {
            if (--_sessions[model] > 0)
            {
                return;
            }

            _sessions.Remove(model);
            if (_retired.Remove(model))
            {
                model.Dispose();
            }
        }
    }

    private void Retire(ServedModel model)
    {
        if (_sessions.ContainsKey(model))
        {
            _retired.Add(model);
        }
        else
        {
            model.Dispose();
        }
    }
}
