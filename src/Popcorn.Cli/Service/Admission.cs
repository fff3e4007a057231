using System.Security.Claims;
using System.Threading.RateLimiting;
using Microsoft.AspNetCore.Http;
using Popcorn.Engine;
using Popcorn.Engine.Resources;
using Popcorn.Hosting;

namespace Popcorn.Cli.Service;

/// <summary>Those who know clients by their tokens.</summary>
internal interface ITokens
{
    /// <summary>Finds out whose token it is.</summary>
    /// <returns>Tells what is known of the client whenever it is asked; null once its token holds no longer.</returns>
    /// <exception cref="PopcornException">
    /// It is nobody's, and the message says why; <see cref="PopcornError.Unreachable"/>: that cannot be found out now.
    /// </exception>
    Task<Func<KnownClient?>> IdentifyAsync(string token, CancellationToken cancellationToken);
}

/// <summary>Lets in who shows a token, and to what it is for.</summary>
/// <param name="tokens">Those who know clients.</param>
/// <param name="refused">Told of those who are not let in.</param>
internal sealed class Admission(ITokens tokens, RefusedRequests refused)
{
    private const string Scheme = "Bearer ";

    /// <summary>Lets through who shows a token that is known, and has not expired; the user of the request is then the
    /// client.</summary>
    public async Task AuthenticateAsync(HttpContext context, RequestDelegate next)
    {
        string header = context.Request.Headers.Authorization.ToString();
        try
        {
            Func<KnownClient?> now = header.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase)
                ? await tokens.IdentifyAsync(header[Scheme.Length..].Trim(), context.RequestAborted)
                    .ConfigureAwait(false)
                : throw new PopcornException("Show a token: Authorization: Bearer TOKEN.");
            KnownClient client = now() ?? throw new PopcornException("This token has expired.");
            context.User = new ClaimsPrincipal(new ClaimsIdentity([new Claim(ClaimTypes.Name, client.Name)], "token"));
            context.Features.Set(now);
        }
        catch (PopcornException e)
        {
            bool isUnknown = e.Error != PopcornError.Unreachable;
            context.Response.StatusCode =
                isUnknown ? StatusCodes.Status401Unauthorized : StatusCodes.Status503ServiceUnavailable;
            if (isUnknown)
            {
                context.Response.Headers.WWWAuthenticate = "Bearer";
            }

            refused.Add(context, context.Response.StatusCode, e.Message);
            await context.Response.WriteAsync(e.Message + "\n").ConfigureAwait(false);
            return;
        }

        await next(context).ConfigureAwait(false);
    }

    /// <summary>Whether a connection's client may ask for a model now.</summary>
    public static bool MayUse(HttpContext context, string model) =>
        Of(context) is { Models: var models } && (models.Count == 0 || models.Contains(model));

    /// <summary>What a client may have at the same time.</summary>
    public static ClientAllowance? AllowanceOf(HttpContext context) => Of(context)?.Allowance;

    /// <summary>A client's queries come as they were allowed, or as many at once as in a minute.</summary>
    public static RateLimitPartition<string> LimitOf(PopcornQuery query)
    {
        KnownClient? client = Of(query.Context);
        int rate = client?.QueriesPerMinute ?? 0;
        string name = $"{client?.Name} {rate}";
        return rate == 0
            ? RateLimitPartition.GetNoLimiter(name) // whoever is no longer known may use no model
            : RateLimitPartition.GetTokenBucketLimiter(name, _ => new TokenBucketRateLimiterOptions
            {
                TokenLimit = rate,
                TokensPerPeriod = 1,
                ReplenishmentPeriod = TimeSpan.FromMinutes(1) / rate,
                QueueLimit = 0,
            });
    }

    /// <summary>The client of a connection, as it is known now; null where it is no longer.</summary>
    private static KnownClient? Of(HttpContext context) => context.Features.Get<Func<KnownClient?>>()?.Invoke();
}
