using System.Reflection;
using System.Reflection.Emit;

namespace Popcorn.Interop.Tests;

/// <summary>Every public entry names the argument that must not be null.</summary>
public sealed class NullTests
{
    private static readonly PaillierPrivateKey Key = TestKeys.Small(PaillierLibrary.DefaultKernel);
    private static readonly CiphertextBatch Batch = new(Key.PublicKey, 1);

    // One of each type that a public member takes or belongs to.
    private static readonly Dictionary<Type, object> Valid = new object[]
    {
        Key, Key.PublicKey, Batch, (CiphertextRange)Batch, new CiphertextBatchPool(Key.PublicKey), new Encryptor(Key),
        new Rerandomizer(Key.PublicKey), new Decryptor(Key), new ProductProgram([], [], 0, []),
        new ProgramView(Batch, 1, [0]), new Action<int>(_ => { }), new Execution(1), 1, false,
    }.ToDictionary(value => value.GetType());

    /// <summary>Members, each with a parameter that takes no null, or a structure that holds none.</summary>
    public static TheoryData<string> Parameters => [.. Found.Select(NameOf)];

    // A structure can be made without a constructor, and compared, so operations look into it; and an exception takes
    // any message.
    private static (MethodBase Member, ParameterInfo Parameter)[] Found =>
    [
        .. from type in typeof(Evaluator).Assembly.GetExportedTypes()
           where type != typeof(PaillierException)
           from member in type.GetMembers(
               BindingFlags.Public | BindingFlags.Static | BindingFlags.Instance | BindingFlags.DeclaredOnly)
           where member is ConstructorInfo && !type.IsValueType
               || member is MethodInfo { Name: not nameof(Equals) } method
               && (!method.IsSpecialName || method.Name == "op_Implicit")
           from parameter in ((MethodBase)member).GetParameters()
           where TakesNoNull(parameter)
           select ((MethodBase)member, parameter),
    ];

    [Theory, MemberData(nameof(Parameters))]
    public void Null_is_refused_by_name(string parameter)
    {
        (MethodBase member, ParameterInfo tested) = Found.Single(found => NameOf(found) == parameter);
        object?[] arguments =
        [
            .. member.GetParameters().Select(each => each.Position == tested.Position
                ? each.ParameterType.IsValueType ? Activator.CreateInstance(each.ParameterType) : null
                : Valid.GetValueOrDefault(each.ParameterType)),
            Valid.GetValueOrDefault(member.DeclaringType!),
        ];
        Assert.Equal(tested.Name, Assert.Throws<ArgumentNullException>(() => Caller(member)(arguments)).ParamName);
    }

    [Fact]
    public void Null_among_sources_is_refused() => Assert.Throws<ArgumentNullException>(
        "sources", () => Evaluator.Combine([Batch, null!], [], [0], new CiphertextBatch(Key.PublicKey, 1)));

    [Fact]
    public void Views_of_null_are_refused()
    {
        Assert.Throws<ArgumentNullException>("batch", () => new ProgramView(null!, 1, [0]));
        Assert.Throws<ArgumentNullException>("sources", () => Evaluator.Run(
            new ProductProgram([], [], 0, []), [new ProgramView(Batch, 1, null!)], new ProgramView(Batch, 1, []), 0,
            0));
    }

    private static string NameOf((MethodBase Member, ParameterInfo Parameter) found) =>
        $"{found.Member.DeclaringType!.Name}: {found.Member}: {found.Parameter.Name}";

    private static bool TakesNoNull(ParameterInfo parameter) =>
        parameter.ParameterType == typeof(CiphertextRange) || parameter.ParameterType == typeof(ProgramView)
        || (!parameter.ParameterType.IsValueType && !parameter.ParameterType.IsByRef
            && new NullabilityInfoContext().Create(parameter).WriteState == NullabilityState.NotNull);

    /// <summary>A call with these arguments and the object last; spans, which no array holds, are empty.</summary>
    private static Action<object?[]> Caller(MethodBase member)
    {
        var caller = new DynamicMethod("Call", null, [typeof(object[])], typeof(NullTests).Module);
        ILGenerator code = caller.GetILGenerator();
        ParameterInfo[] parameters = member.GetParameters();
        if (!member.IsStatic && !member.IsConstructor)
        {
            code.Emit(OpCodes.Ldarg_0);
            code.Emit(OpCodes.Ldc_I4, parameters.Length);
            code.Emit(OpCodes.Ldelem_Ref);
            code.Emit(member.DeclaringType!.IsValueType ? OpCodes.Unbox : OpCodes.Castclass, member.DeclaringType);
        }

        foreach (ParameterInfo parameter in parameters)
        {
            Type type = parameter.ParameterType;
            if (type.IsByRefLike)
            {
                LocalBuilder empty = code.DeclareLocal(type);
                code.Emit(OpCodes.Ldloc, empty);
                continue;
            }

            code.Emit(OpCodes.Ldarg_0);
            code.Emit(OpCodes.Ldc_I4, parameter.Position);
            code.Emit(OpCodes.Ldelem_Ref);
            code.Emit(OpCodes.Unbox_Any, type);
        }

        if (member is ConstructorInfo constructor)
        {
            code.Emit(OpCodes.Newobj, constructor);
            code.Emit(OpCodes.Pop);
        }
        else
        {
            var method = (MethodInfo)member;
            code.Emit(OpCodes.Call, method);
            if (method.ReturnType != typeof(void))
            {
                code.Emit(OpCodes.Pop);
            }
        }

        code.Emit(OpCodes.Ret);
        return caller.CreateDelegate<Action<object?[]>>();
    }
}
