# Builds artifacts/popcorn/popcorn, then, by the first argument: demo, test, docs, fuzz, pack, bench or clean; see
# build.sh, which this mirrors for this system alone. Wants the .NET SDK 10, CMake, Ninja, MinGW-w64 gcc, GMP; installs
# nothing.
param(
  [ValidateSet('build', 'demo', 'test', 'docs', 'fuzz', 'pack', 'bench', 'clean')] [string] $Command = 'build',
  [Parameter(ValueFromRemainingArguments)] [string[]] $Options = @()
)

$ErrorActionPreference = 'Stop'
Set-Location $PSScriptRoot
$env:DOTNET_CLI_TELEMETRY_OPTOUT = '1'
$env:DOTNET_NOLOGO = '1'

function Invoke-Step([string] $Program, [string[]] $Arguments) {
  & $Program @Arguments
  if ($LASTEXITCODE -ne 0) { exit $LASTEXITCODE }
}

function Install-Command { Invoke-Step dotnet @('msbuild', 'src/Popcorn.Cli/Install.targets', '-tl:off', '-v:minimal') }

if ($Command -eq 'clean') {
  Remove-Item -Recurse -Force artifacts, docs/api -ErrorAction SilentlyContinue
  exit 0
}

foreach ($tool in 'dotnet', 'cmake', 'ninja') {
  if (-not (Get-Command $tool -ErrorAction SilentlyContinue)) {
    Write-Error "build.ps1: install $tool (winget has Microsoft.DotNet.SDK.10, Kitware.CMake, Ninja-build.Ninja)"
  }
}

switch ($Command) {
  { $_ -in 'build', 'demo', 'bench' } { Install-Command }
  'demo' { Invoke-Step 'artifacts/popcorn/popcorn' (@('demo') + $Options) }
  'test' {
    Invoke-Step dotnet @('build', 'Popcorn.sln', '-c', 'Release')
    & dotnet msbuild tests/Tests.proj -m:3 -tl:off -v:minimal
    $status = $LASTEXITCODE
    Get-Content artifacts/test-results/summary.txt
    exit $status
  }
  'docs' {
    Invoke-Step dotnet @('build', 'src/Popcorn.Hosting', '-c', 'Release')
    Invoke-Step dotnet @('tool', 'restore')
    Remove-Item -Recurse -Force docs/api, artifacts/site -ErrorAction SilentlyContinue
    Invoke-Step dotnet @('docfx', 'docfx.json')
    Copy-Item artifacts/site/README.html artifacts/site/index.html
  }
  'fuzz' { Invoke-Step dotnet (@('run', '--project', 'tests/Popcorn.Fuzz', '-c', 'Release', '--') + $Options) }
  'pack' {
    Remove-Item -Recurse -Force artifacts/packages -ErrorAction SilentlyContinue
    foreach ($project in 'Interop', 'ObliviousTransfer', 'Engine', 'Hosting', 'Cli') {
      Invoke-Step dotnet @('pack', "src/Popcorn.$project", '-c', 'Release')
    }
  }
  'bench' { Invoke-Step dotnet (@('run', '--project', 'bench/Popcorn.Bench', '-c', 'Release', '--') + $Options) }
}
