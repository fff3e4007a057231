using System.Runtime.InteropServices;

namespace Popcorn.Interop.Native;

/// <summary>
/// The exports of <c>native/include/popcorn.h</c>, one to one; that header documents them. This folder knows nothing
/// above it: structures that are public, and so stand above, come as addresses.
/// </summary>
internal static unsafe partial class NativeMethods
{
    internal const string Library = "popcorn_native";

    [LibraryImport(Library, EntryPoint = "pc_get_layout")]
    internal static partial int GetLayout(Span<int> layout, int capacity, out int count);

    [LibraryImport(Library, EntryPoint = "pc_get_info")]
    internal static partial int GetInfo(out NativeLibraryInfo info);

    [LibraryImport(Library, EntryPoint = "pc_kernel_name")]
    internal static partial int KernelName(int index, Span<byte> buffer, int capacity);

    [LibraryImport(Library, EntryPoint = "pc_self_test")]
    internal static partial int SelfTest(int kernel);

    [LibraryImport(Library, EntryPoint = "pc_blocks_of_vector")]
    internal static partial int BlocksOfVector(out int blocks);

    [LibraryImport(Library, EntryPoint = "pc_tree_send")]
    internal static partial int TreeSend(
        ReadOnlySpan<byte> roundKeys, ReadOnlySpan<byte> delta, ReadOnlySpan<byte> first, ReadOnlySpan<byte> cots,
        int levels, Span<byte> corrections, Span<byte> leaves, int leafCount);

    [LibraryImport(Library, EntryPoint = "pc_tree_receive")]
    internal static partial int TreeReceive(
        ReadOnlySpan<byte> roundKeys, ReadOnlySpan<byte> cots, ReadOnlySpan<byte> corrections, int levels,
        Span<byte> leaves, int leafCount);

    [LibraryImport(Library, EntryPoint = "pc_code_add")]
    internal static partial int CodeAdd(
        ReadOnlySpan<byte> roundKeys, ReadOnlySpan<byte> secret, int secretCount, ulong first, Span<byte> outputs,
        int count);

    [LibraryImport(Library, EntryPoint = "pc_pads_make")]
    internal static partial int PadsMake(
        ReadOnlySpan<byte> roundKeys, ReadOnlySpan<byte> cots, int items, int choiceBits, ReadOnlySpan<byte> multiples,
        int pads, int width, ulong first, Span<ulong> words, int wordCount);

    [LibraryImport(Library, EntryPoint = "pc_pads_hash")]
    internal static partial int PadsHash(
        ReadOnlySpan<byte> roundKeys, Span<byte> blocks, int count, ulong first, ulong step);

    [LibraryImport(Library, EntryPoint = "pc_public_create")]
    internal static partial int PublicCreate(
        ReadOnlySpan<byte> n, int nBytes, ReadOnlySpan<byte> h, int hBytes, int flags, int kernel,
        out PublicKeyHandle key);

    [LibraryImport(Library, EntryPoint = "pc_public_free")]
    internal static partial int PublicFree(nint key);

    [LibraryImport(Library, EntryPoint = "pc_public_get_info")]
    internal static partial int PublicGetInfo(PublicKeyHandle key, out NativePublicKeyInfo info);

    [LibraryImport(Library, EntryPoint = "pc_number_bytes")]
    internal static partial int NumberBytes(int kernel, int keyBits, out long bytes);

    [LibraryImport(Library, EntryPoint = "pc_prime_search_var")]
    internal static partial int PrimeSearch(
        ReadOnlySpan<byte> random, int randomBytes, int bits, ReadOnlySpan<byte> other, int otherBytes,
        Span<byte> prime, int primeBytes);

    [LibraryImport(Library, EntryPoint = "pc_private_create")]
    internal static partial int PrivateCreate(
        PublicKeyHandle key, ReadOnlySpan<byte> p, ReadOnlySpan<byte> q, int primeBytes, int flags,
        out PrivateKeyHandle privateKey);

    [LibraryImport(Library, EntryPoint = "pc_prime_search_short_var")]
    internal static partial int PrimeSearchShort(
        ReadOnlySpan<byte> random, int randomBytes, int bits, ReadOnlySpan<byte> order, int orderBytes,
        ReadOnlySpan<byte> other, int otherBytes, Span<byte> prime, int primeBytes);

    [LibraryImport(Library, EntryPoint = "pc_short_base_var")]
    internal static partial int ShortBase(
        ReadOnlySpan<byte> p, ReadOnlySpan<byte> q, int primeBytes, ReadOnlySpan<byte> orderP,
        ReadOnlySpan<byte> orderQ, int orderBytes, ReadOnlySpan<byte> random, int randomBytes, Span<byte> h,
        int hBytes);

    [LibraryImport(Library, EntryPoint = "pc_private_create_short")]
    internal static partial int PrivateCreateShort(
        PublicKeyHandle key, ReadOnlySpan<byte> p, ReadOnlySpan<byte> q, int primeBytes, ReadOnlySpan<byte> orderP,
        ReadOnlySpan<byte> orderQ, int orderBytes, int flags, out PrivateKeyHandle privateKey);

    [LibraryImport(Library, EntryPoint = "pc_private_free")]
    internal static partial int PrivateFree(nint privateKey);

    [LibraryImport(Library, EntryPoint = "pc_find_roots")]
    internal static partial int FindRoots(
        PrivateKeyHandle privateKey, ReadOnlySpan<byte> numbers, long bytes, int count, Span<byte> roots);

    [LibraryImport(Library, EntryPoint = "pc_check_roots")]
    internal static partial int CheckRoots(
        PublicKeyHandle key, ReadOnlySpan<byte> numbers, ReadOnlySpan<byte> roots, long bytes, int count,
        out int valid);

    [LibraryImport(Library, EntryPoint = "pc_batch_create")]
    internal static partial int BatchCreate(PublicKeyHandle key, int count, out BatchHandle batch);

    [LibraryImport(Library, EntryPoint = "pc_batch_free")]
    internal static partial int BatchFree(nint batch);

    [LibraryImport(Library, EntryPoint = "pc_import")]
    internal static partial int Import(byte* source, long sourceBytes, BatchHandle batch, int offset, int count);

    [LibraryImport(Library, EntryPoint = "pc_export")]
    internal static partial int Export(BatchHandle batch, int offset, int count, byte* target, long targetBytes);

    [LibraryImport(Library, EntryPoint = "pc_gather")]
    internal static partial int Gather(BatchHandle source, int* index, BatchHandle target, int offset, int count);

    [LibraryImport(Library, EntryPoint = "pc_encryptor_create_public")]
    internal static partial int EncryptorCreatePublic(
        PublicKeyHandle key, int exponentBits, int windowBits, int flags, out EncryptorHandle encryptor);

    [LibraryImport(Library, EntryPoint = "pc_encryptor_create_owner")]
    internal static partial int EncryptorCreateOwner(
        PrivateKeyHandle privateKey, int exponentBits, int windowBits, int flags, out EncryptorHandle encryptor);

    [LibraryImport(Library, EntryPoint = "pc_encryptor_create_rerandomizer")]
    internal static partial int EncryptorCreateRerandomizer(
        PublicKeyHandle key, ReadOnlySpan<byte> random, long randomBytes, int windows, int windowBits, int flags,
        out EncryptorHandle encryptor);

    [LibraryImport(Library, EntryPoint = "pc_encryptor_parts")]
    internal static partial int EncryptorParts(EncryptorHandle encryptor, out int parts);

    [LibraryImport(Library, EntryPoint = "pc_encryptor_fill")]
    internal static partial int EncryptorFill(EncryptorHandle encryptor, int first, int count);

    [LibraryImport(Library, EntryPoint = "pc_encryptor_free")]
    internal static partial int EncryptorFree(nint encryptor);

    [LibraryImport(Library, EntryPoint = "pc_encryptor_random_bytes")]
    internal static partial int EncryptorRandomBytes(EncryptorHandle encryptor, out int bytes);

    [LibraryImport(Library, EntryPoint = "pc_encryptor_table_bytes")]
    internal static partial int EncryptorTableBytes(EncryptorHandle encryptor, out long bytes);

    [LibraryImport(Library, EntryPoint = "pc_encrypt")]
    internal static partial int Encrypt(
        EncryptorHandle encryptor, ulong* plaintexts, int wordsEach, byte* random, long randomBytes,
        BatchHandle batch, int offset, int count);

    [LibraryImport(Library, EntryPoint = "pc_rerandomize")]
    internal static partial int Rerandomize(
        EncryptorHandle encryptor, byte* random, long randomBytes, BatchHandle batch, int offset, int count);

    [LibraryImport(Library, EntryPoint = "pc_decrypt")]
    internal static partial int Decrypt(
        PrivateKeyHandle privateKey, BatchHandle batch, int offset, int count, ulong* plaintexts, long words);

    [LibraryImport(Library, EntryPoint = "pc_add")]
    internal static partial int Add(
        BatchHandle a, int aOffset, BatchHandle b, int bOffset, BatchHandle target, int targetOffset, int count);

    [LibraryImport(Library, EntryPoint = "pc_add_plain")]
    internal static partial int AddPlain(ulong* plaintexts, int wordsEach, BatchHandle batch, int offset, int count);

    [LibraryImport(Library, EntryPoint = "pc_negate")]
    internal static partial int Negate(
        BatchHandle source, int sourceOffset, BatchHandle target, int targetOffset, int count);

    [LibraryImport(Library, EntryPoint = "pc_combine")]
    internal static partial int Combine(
        nint* sources, int sourceCount, void* terms, int* first, int count, BatchHandle target, int offset,
        out long products);

    [LibraryImport(Library, EntryPoint = "pc_program_create")]
    internal static partial int ProgramCreate(
        void* instructions, int instructionCount, void* inputs, int inputCount, int temporaries,
        ReadOnlySpan<int> outputs, int outputCount, out ProgramHandle program);

    [LibraryImport(Library, EntryPoint = "pc_program_free")]
    internal static partial int ProgramFree(nint program);

    [LibraryImport(Library, EntryPoint = "pc_program_scratch_bytes")]
    internal static partial int ProgramScratchBytes(
        ProgramHandle program, PublicKeyHandle key, int tiles, out long bytes);

    [LibraryImport(Library, EntryPoint = "pc_program_run")]
    internal static partial int ProgramRun(
        ProgramHandle program, NativeView* sources, int sourceCount, NativeView* target, int firstTile, int tiles,
        byte* scratch, long scratchBytes, out long products);

    [LibraryImport(Library, EntryPoint = "pc_program_begin")]
    internal static partial int ProgramBegin(
        ProgramHandle program, PublicKeyHandle key, byte* scratch, long scratchBytes);

    [LibraryImport(Library, EntryPoint = "pc_program_join")]
    internal static partial int ProgramJoin(
        ProgramHandle program, NativeView* sources, int sourceCount, NativeView* target, int tile, byte* scratch,
        long scratchBytes, out int done, out long products);

    [LibraryImport(Library, EntryPoint = "pc_reference_powm")]
    internal static partial int ReferencePowm(int repeats, out long nanoseconds);
}
