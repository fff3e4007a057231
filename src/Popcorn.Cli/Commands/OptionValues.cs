using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using System.Numerics;

namespace Popcorn.Cli.Commands;

/// <summary>
/// Which words options and arguments take; others are refused as a matter of usage. Numbers are read here alone: the
/// parser of command lines passes over commas, by which many languages write 0,5.
/// </summary>
internal static class OptionValues
{
    /// <summary>Takes numbers in a range.</summary>
    public static Option<T> InRange<T>(this Option<T> option, T least, T greatest)
        where T : struct, INumber<T> =>
        option.Take(value => value >= least && value <= greatest, $"from {least} to {greatest}");

    /// <summary>Takes any finite number.</summary>
    public static Option<T> AnyNumber<T>(this Option<T> option)
        where T : struct, INumber<T> => option.Take(_ => true, "a number");

    /// <summary>Takes finite numbers, each a word of its own.</summary>
    public static Option<double[]> Numbers(this Option<double[]> option)
    {
        option.CustomParser = result =>
        {
            var values = new List<double>();
            foreach (Token token in result.Tokens)
            {
                if (Read(token.Value) is double value)
                {
                    values.Add(value);
                }
                else
                {
                    result.AddError(NoNumber<double>(option, token.Value) + " Write a space between several.");
                }
            }

            return [.. values];
        };
        return option;
    }

    /// <summary>Takes some numbers.</summary>
    public static Option<int> AcceptOnly(this Option<int> option, params int[] allowed) =>
        option.Take(value => allowed.Contains(value), $"one of {string.Join(", ", allowed)}");

    /// <summary>Takes some words.</summary>
    public static Option<string?> AcceptOnly(this Option<string?> option, params string[] allowed)
    {
        option.CompletionSources.Add(allowed);
        option.Validators.Add(result => CheckOneOf(result, option.Name, allowed));
        return option;
    }

    /// <summary>Takes some words.</summary>
    public static Argument<string> AcceptOnly(this Argument<string> argument, params string[] allowed)
    {
        argument.CompletionSources.Add(allowed);
        argument.Validators.Add(result => CheckOneOf(result, $"The argument '{argument.Name}'", allowed));
        return argument;
    }

    /// <summary>Takes a day in one way to write it: in others languages differ about day and month.</summary>
    public static Option<DateOnly?> Day(this Option<DateOnly?> option)
    {
        option.CustomParser = result =>
        {
            if (DateOnly.TryParseExact(
                result.Tokens[0].Value, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None,
                out DateOnly day))
            {
                return day;
            }

            result.AddError($"{option.Name} {result.Tokens[0].Value} is no day; write it as 2030-12-31.");
            return null;
        };
        return option;
    }

    /// <summary>
    /// Has a command and those below it refuse empty words: nothing that they take has an empty name, and an empty path
    /// would be the current folder, or an error deep inside.
    /// </summary>
    public static void RefuseEmptyWords(Command command)
    {
        foreach (Option option in command.Options)
        {
            option.Validators.Add(result => Check(result, option.Name));
        }

        foreach (Argument argument in command.Arguments)
        {
            argument.Validators.Add(result => Check(result, $"The argument '{argument.Name}'"));
        }

        foreach (Command below in command.Subcommands)
        {
            RefuseEmptyWords(below);
        }

        static void Check(SymbolResult result, string name)
        {
            if (result.Tokens.Any(IsEmpty))
            {
                result.AddError($"{name} is empty; write a value (the variable that it comes from may be unset).");
            }
        }
    }

    /// <summary>Reads a number as it is written everywhere in Popcorn: with a point, and without separators.</summary>
    /// <returns>null: it is none, or not finite.</returns>
    public static double? Read(string word) => Read<double>(word);

    private static T? Read<T>(string word)
        where T : struct, INumber<T> =>
        T.TryParse(
            word, IsWhole<T>() ? NumberStyles.AllowLeadingSign : NumberStyles.Float, CultureInfo.InvariantCulture,
            out T value)
        && T.IsFinite(value) ? value : null;

    private static bool IsWhole<T>() => typeof(T) != typeof(double);

    private static string NoNumber<T>(Option option, string word) => IsWhole<T>()
        ? $"{option.Name} {word} is no whole number; write digits alone, as in 1000."
        : $"{option.Name} {word} is no number; write a point and no comma, as in 0.5.";

    private static void CheckOneOf(SymbolResult result, string name, string[] allowed)
    {
        if (result.Tokens is [Token token] && !IsEmpty(token) && !allowed.Contains(token.Value))
        {
            result.AddError($"{name} must be one of {string.Join(", ", allowed)}.");
        }
    }

    private static bool IsEmpty(Token token) => string.IsNullOrWhiteSpace(token.Value) || token.Value.Contains('\0');

    private static Option<T> Take<T>(this Option<T> option, Func<T, bool> allowed, string what)
        where T : struct, INumber<T>
    {
        option.CustomParser = result =>
        {
            string word = result.Tokens[0].Value;
            T? value = Read<T>(word);
            if (value is null)
            {
                result.AddError(NoNumber<T>(option, word));
            }
            else if (!allowed(value.Value))
            {
                result.AddError($"{option.Name} must be {what}.");
            }

            return value ?? default;
        };
        return option;
    }
}
