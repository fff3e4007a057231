using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Http;

namespace Popcorn.Hosting;

/// <summary>What clients are told apart by.</summary>
internal static class ClientAddress
{
    private const int NetworkBytes = 8;

    /// <summary>The name of a client that has shown who it is; of others their address.</summary>
    public static string Of(HttpContext context) =>
        context.User.Identity is { IsAuthenticated: true, Name: string name }
            ? $"client {name}"
            : Of(context.Connection.RemoteIpAddress);

    /// <summary>
    /// The address; of IPv6 the network, whose 2^64 addresses one client may have; <c>?</c> where there is none.
    /// </summary>
    public static string Of(IPAddress? address)
    {
        if (address is null)
        {
            return "?";
        }

        if (address.AddressFamily != AddressFamily.InterNetworkV6 || address.IsIPv4MappedToIPv6)
        {
            return address.MapToIPv4().ToString();
        }

        byte[] bytes = address.GetAddressBytes();
        bytes.AsSpan(NetworkBytes).Clear();
        return $"{new IPAddress(bytes)}/64";
    }
}
