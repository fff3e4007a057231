using System.Diagnostics;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;
using Popcorn.Interop.Native;

namespace Popcorn.Interop.Tests;

/// <summary>The header, what the library exports and what the managed side declares are one list.</summary>
public sealed partial class NativeInterfaceTests
{
    private static readonly string Header =
        File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "popcorn.h"));

    private static string[] Declared =>
        [.. DeclaredFunction().Matches(Header).Select(match => match.Groups[1].Value).Order(StringComparer.Ordinal)];

    [Fact]
    public void The_managed_side_calls_every_function_of_the_header_and_no_other()
    {
        const BindingFlags Static = BindingFlags.Static | BindingFlags.NonPublic | BindingFlags.Public;
        IEnumerable<string?> called = typeof(NativeMethods).GetMethods(Static)
            .Select(method => method.GetCustomAttribute<DllImportAttribute>()?.EntryPoint)
            .Where(name => name is not null);
        Assert.Equal(Declared, called.Order(StringComparer.Ordinal));
    }

    [NmFact]
    public void The_library_exports_every_function_of_the_header_and_no_other()
    {
        string library = Path.Combine(AppContext.BaseDirectory, "libpopcorn_native.so");
        using Process nm = NmFactAttribute.Start("-D", "--defined-only", "--format=posix", library);
        IEnumerable<string> exported = nm.StandardOutput.ReadToEnd()
            .Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split(' ')[0]);
        Assert.Equal(Declared, exported.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void The_layout_covers_every_structure_and_field_of_the_header()
    {
        int fields = DeclaredStructure().Matches(Header)
            .Sum(structure => 1 + DeclaredField().Count(structure.Groups[1].Value));
        Assert.Equal(fields, ReadLayout().Length);
    }

    [Theory]
    [InlineData("Popcorn.Interop.Native")]
    [InlineData("Popcorn.Interop.Memory")]
    public void A_folder_below_names_nothing_of_the_others(string folder)
    {
        const BindingFlags All =
            BindingFlags.Static | BindingFlags.Instance | BindingFlags.NonPublic | BindingFlags.Public;
        Type[] types = [.. typeof(NativeMethods).Assembly.GetTypes().Where(type => type.Namespace == folder)];
        IEnumerable<Type> named = types.SelectMany(type => type.GetFields(All).Select(field => field.FieldType)
            .Concat(type.GetMethods(All).SelectMany(method => method.GetParameters().Select(p => p.ParameterType)))
            .Concat(type.GetMethods(All).Select(method => method.ReturnType))
            .Append(type.BaseType ?? typeof(object)));
        Assert.NotEmpty(types);
        Assert.DoesNotContain(named, type =>
            (type.GetElementType() ?? type).Namespace is string other && other != folder
            && other.StartsWith("Popcorn.", StringComparison.Ordinal));
    }

    /// <summary>What the library tells of its structures.</summary>
    internal static int[] ReadLayout()
    {
        PaillierLibrary.EnsureLoaded();
        int[] layout = new int[256];
        NativeStatus.Check(NativeMethods.GetLayout(layout, layout.Length, out int count), "layout");
        return layout[..count];
    }

    [GeneratedRegex(@"^PC_API \w+ (pc_\w+)\(", RegexOptions.Multiline)]
    private static partial Regex DeclaredFunction();

    [GeneratedRegex(@"^typedef struct \w+ \{\n(.*?)^\} \w+;", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex DeclaredStructure();

    [GeneratedRegex(@"^    [\w *]+[ *](?!reserved;)\w+;", RegexOptions.Multiline)]
    private static partial Regex DeclaredField();

    /// <summary>A test that reads the symbols of a library for Linux.</summary>
    private sealed class NmFactAttribute : FactAttribute
    {
        public NmFactAttribute() => Skip = OperatingSystem.IsLinux() && IsThere()
            ? null
            : "This test needs Linux and the command nm, of binutils.";

        internal static Process Start(params string[] arguments) =>
            Process.Start(new ProcessStartInfo("nm", arguments) { RedirectStandardOutput = true })!;

        private static bool IsThere()
        {
            try
            {
                using Process nm = Start("--version");
                nm.StandardOutput.ReadToEnd();
                nm.WaitForExit();
                return nm.ExitCode == 0;
            }
            catch (System.ComponentModel.Win32Exception)
            {
                return false;
            }
        }
    }
}
