using System.Diagnostics.Metrics;
using System.Net;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Popcorn.Cli.Service;

namespace Popcorn.Cli.Tests.Service;

/// <summary>Refused requests are told and counted, and fill no disk.</summary>
public sealed class RefusedRequestsTests : IDisposable
{
    private readonly ServiceProvider _services = new ServiceCollection().AddMetrics().BuildServiceProvider();
    private readonly Clock _clock = new();
    private readonly Lines _lines = new();

    public void Dispose() => _services.Dispose();

    [Fact]
    public void Of_an_address_and_a_reason_there_is_a_line_a_minute_and_of_all_a_number()
    {
        IMeterFactory meters = _services.GetRequiredService<IMeterFactory>();
        long counted = 0;
        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, self) =>
        {
            if (instrument.Meter.Scope == meters)
            {
                self.EnableMeasurementEvents(instrument);
            }
        };
        listener.SetMeasurementEventCallback<long>((_, count, _, _) => counted += count);
        listener.Start();

        var refused = new RefusedRequests(_lines, meters, _clock);
        for (int i = 0; i < 5; i++)
        {
            refused.Add(Request("::ffff:10.0.0.1", "/popcorn"), 401, "no token");
        }

        refused.Add(Request("10.0.0.1", "/models"), 401, "expired");
        refused.Add(Request("10.0.0.2", "/" + new string('x', 1000)), 503, "no token");
        Assert.Equal(
            [
                "10.0.0.1 asked for /popcorn and was answered with 401: no token",
                "10.0.0.1 asked for /models and was answered with 401: expired",
                $"10.0.0.2 asked for /{new string('x', 99)}… and was answered with 503: no token",
            ],
            _lines.Take());

        _clock.Now += TimeSpan.FromMinutes(1);
        refused.Add(Request("10.0.0.1", "/popcorn"), 401, "no token");
        Assert.Equal(
            [
                "4 more requests like those before were not let in",
                "10.0.0.1 asked for /popcorn and was answered with 401: no token",
            ],
            _lines.Take());

        for (int i = 0; i < 1000; i++)
        {
            refused.Add(Request($"10.1.{i / 250}.{i % 250}", "/"), 401, "no token");
        }

        Assert.Equal(99, _lines.Take().Length);
        Assert.Equal(1008, counted);
    }

    private static DefaultHttpContext Request(string address, string path)
    {
        var context = new DefaultHttpContext();
        context.Connection.RemoteIpAddress = IPAddress.Parse(address);
        context.Request.Path = path;
        return context;
    }

    private sealed class Clock : TimeProvider
    {
        public TimeSpan Now { get; set; }

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => Now.Ticks;
    }

    private sealed class Lines : ILogger<RefusedRequests>
    {
        private readonly List<string> _lines = [];

        public string[] Take()
        {
            string[] lines = [.. _lines];
            _lines.Clear();
            return lines;
        }

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception,
            Func<TState, Exception?, string> formatter) => _lines.Add(formatter(state, exception));
    }
}
