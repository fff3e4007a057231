using System.Security.Claims;
using System.Security.Cryptography;
using System.Text;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Protocols;
using Microsoft.IdentityModel.Protocols.OpenIdConnect;
using Microsoft.IdentityModel.Tokens;
using Popcorn.Cli.Data;
using Popcorn.Engine;
using Popcorn.Engine.Model;

namespace Popcorn.Cli.Service;

/// <summary>Clients by JSON web tokens (RFC 7519), which somebody else signs and this server can check.</summary>
internal sealed class SignedTokens : ITokens
{
    /// <summary>The claim with the models that a client may ask for: a list, or names between spaces; all without it.
    /// </summary>
    public const string ModelsClaim = "popcorn_models";

    /// <summary>The claim with the queries that a client may ask in a minute; any number without it.</summary>
    public const string RateClaim = "popcorn_rate";

    /// <summary>The claims with the prepared queries that a client may have at a time, and with its MiB of memory; as
    /// many as all without them.</summary>
    public const string BundlesClaim = "popcorn_bundles", MemoryClaim = "popcorn_memory";

    private const int MostKeyBytes = 1 << 16;
    private const int MostNameLength = 255;
    private static readonly TimeSpan ClockSkew = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan AuthorityTimeout = TimeSpan.FromSeconds(10);

    private readonly JsonWebTokenHandler _handler = new() { MapInboundClaims = false };
    private readonly TokenValidationParameters _parameters;
    private readonly ConfigurationManager<OpenIdConnectConfiguration>? _authority;

    private readonly TimeProvider _clock;

    private SignedTokens(
        string audience, ConfigurationManager<OpenIdConnectConfiguration>? authority, TimeProvider clock)
    {
        (_authority, _clock) = (authority, clock);
        _parameters = new TokenValidationParameters
        {
            ValidAudience = audience,
            ValidateIssuer = authority is not null,
            ConfigurationManager = authority,
            ClockSkew = ClockSkew,

            // Signatures alone: what whoever checks a token could make as well proves nothing.
            ValidAlgorithms =
            [
                SecurityAlgorithms.RsaSha256, SecurityAlgorithms.RsaSha384, SecurityAlgorithms.RsaSha512,
                SecurityAlgorithms.RsaSsaPssSha256, SecurityAlgorithms.RsaSsaPssSha384,
                SecurityAlgorithms.RsaSsaPssSha512, SecurityAlgorithms.EcdsaSha256, SecurityAlgorithms.EcdsaSha384,
                SecurityAlgorithms.EcdsaSha512,
            ],
        };
    }

    /// <summary>Tokens of an OpenID provider, which tells its keys itself.</summary>
    /// <param name="url">The provider's URL; https, but on this machine.</param>
    /// <param name="audience">For whom its tokens must be.</param>
    /// <exception cref="PopcornException">That is no such URL.</exception>
    public static SignedTokens OfAuthority(string url, string audience)
    {
        if (!Uri.TryCreate(url, UriKind.Absolute, out Uri? authority)
            || !(authority.Scheme == Uri.UriSchemeHttps
                || (authority.Scheme == Uri.UriSchemeHttp && authority.IsLoopback)))
        {
            throw new PopcornException($"--jwt-authority {url}: write the https:// URL of an OpenID provider.");
        }

        var documents = new HttpDocumentRetriever(new HttpClient { Timeout = AuthorityTimeout })
        {
            RequireHttps = authority.Scheme == Uri.UriSchemeHttps,
        };
        return new SignedTokens(audience, new ConfigurationManager<OpenIdConnectConfiguration>(
            $"{url.TrimEnd('/')}/.well-known/openid-configuration", new OpenIdConnectConfigurationRetriever(),
            documents), TimeProvider.System);
    }

    /// <summary>Tokens that a key has signed, whoever has it.</summary>
    /// <param name="path">PEM file of the public key, RSA or EC.</param>
    /// <param name="audience">For whom the tokens must be.</param>
    /// <param name="report">Told of a change that cannot be read: then the key stays.</param>
    /// <param name="clock">Tells when a token that was let in has expired.</param>
    /// <exception cref="PopcornException">It cannot be read.</exception>
    public static SignedTokens OfKey(string path, string audience, Action<string> report, TimeProvider clock)
    {
        var key = new FollowedFiles<SecurityKey>(
            [path], () => ReadKey(path), why => report($"{why} The key known before stays."));
        var tokens = new SignedTokens(audience, authority: null, clock);
        tokens._parameters.IssuerSigningKeyResolver = (_, _, _, _) => [key.Value];
        return tokens;
    }

    /// <inheritdoc/>
    public async Task<Func<KnownClient?>> IdentifyAsync(string token, CancellationToken cancellationToken)
    {
        if (_authority is not null)
        {
            try
            {
                await _authority.GetConfigurationAsync(cancellationToken).ConfigureAwait(false);
            }
            catch (InvalidOperationException e)
            {
                throw new PopcornException(
                    PopcornError.Unreachable, "Whose tokens are valid cannot be found out now; try again later.", e);
            }
        }

        TokenValidationResult result = await _handler.ValidateTokenAsync(token, _parameters).ConfigureAwait(false);
        if (!result.IsValid)
        {
            throw new PopcornException(result.Exception switch
            {
                SecurityTokenExpiredException => "This token has expired.",
                SecurityTokenNoExpirationException => "This token has no end.",
                SecurityTokenNotYetValidException => "This token is not valid yet.",
                SecurityTokenInvalidAudienceException => "This token is for somebody else.",
                SecurityTokenInvalidIssuerException => "This token is of an issuer that is not known here.",
                _ => "This is no token signed by a key that is known here.",
            });
        }

        var read = (JsonWebToken)result.SecurityToken;
        KnownClient client = ClientOf(read) ?? throw new PopcornException(
            $"This token names no subject, or one of its claims on {RateClaim}, {BundlesClaim}, {MemoryClaim} or "
            + $"{ModelsClaim} makes no sense.");
        DateTime end = read.ValidTo + ClockSkew;
        return () => _clock.GetUtcNow().UtcDateTime < end ? client : null;
    }

    private static KnownClient? ClientOf(JsonWebToken token)
    {
        string[] models = [];
        if (token.Subject is not { Length: > 0 and <= MostNameLength } name || !name.All(char.IsAscii)
            || name.Any(c => char.IsControl(c) || c == ' '))
        {
            return null;
        }

        if (LimitOf(RateClaim, KnownClient.MostPerMinute) is not int rate
            || LimitOf(BundlesClaim, KnownClient.MostBundles) is not int bundles
            || LimitOf(MemoryClaim, KnownClient.MostMebibytes) is not int mebibytes)
        {
            return null;
        }

        if (token.TryGetPayloadValue(ModelsClaim, out object? allowed))
        {
            models =
            [
                .. token.Claims.Where(claim => claim.Type == ModelsClaim)
                    .SelectMany(claim => claim.Value.Split(' ', StringSplitOptions.RemoveEmptyEntries)),
            ];

            // None is not all.
            if (models.Length == 0)
            {
                return null;
            }
        }

        return new KnownClient(name, rate, models) { Bundles = bundles, Mebibytes = mebibytes };

        // 0 without it, null where it makes no sense.
        int? LimitOf(string claim, int most) => !token.TryGetClaim(claim, out Claim? asked)
            ? 0
            : KnownClient.IsLimit(asked.Value, most, out int limit)
                ? limit
                : null;
    }

    private static SecurityKey ReadKey(string path)
    {
        using FileStream file = Files.OpenRead(path);
        string pem = Encoding.UTF8.GetString(BoundedStream.ReadAll(file, MostKeyBytes, "key"));
        if (pem.Contains("PRIVATE KEY", StringComparison.Ordinal))
        {
            throw new PopcornException($"'{path}' is a private key; this server checks tokens by the public one.");
        }

        try
        {
            RSA rsa = RSA.Create();
            rsa.ImportFromPem(pem);
            return new RsaSecurityKey(rsa);
        }
        catch (Exception e) when (e is ArgumentException or CryptographicException)
        {
            // Then it is the other kind.
        }

        try
        {
            ECDsa curve = ECDsa.Create();
            curve.ImportFromPem(pem);
            return new ECDsaSecurityKey(curve);
        }
        catch (Exception e) when (e is ArgumentException or CryptographicException)
        {
            throw new PopcornException($"'{path}' is no public key in PEM, RSA or EC.", e);
        }
    }
}
