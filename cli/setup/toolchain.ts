/**
 * The C++ compiler and CMake of this machine, or an error with the command that installs the
 * missing one. A compiler is tested with a small C++20 program, not by its version.
 */
import { TerminalError } from '../../crds/failures/errors.ts';
import type { Machine } from './machine.ts';

export interface Toolchain {
  readonly compiler: string;
  /** First line of `--version`: part of the build key. */
  readonly compilerVersion: string;
  readonly cmake: string;
}

const oldestCmake = [3, 18] as const;

const probe = `#include <concepts>
#include <span>
#include <source_location>
template <std::integral T> int f(std::span<T> s) { return int(s.size()); }
int main() { int a[2]{}; return f(std::span<int>(a)) - 2; }
`;

export async function findToolchain(machine: Machine): Promise<Toolchain> {
  const cmake = await findCmake(machine);
  const { compiler, compilerVersion } = await findCompiler(machine);
  await requireCxx20(machine, compiler, compilerVersion);
  return { compiler, compilerVersion, cmake };
}

async function findCmake(machine: Machine): Promise<string> {
  const cmake = machine.env['CMAKE'] || 'cmake';
  const ran = await machine.run(cmake, ['--version']);
  if (ran.kind === 'missing' || !ran.ok) {
    throw missing('CMake is not on the PATH; it builds the native addon', machine, {
      apt: 'cmake',
      dnf: 'cmake',
      brew: 'brew install cmake',
    });
  }
  const version = /(\d+)\.(\d+)[.\d]*/.exec(ran.stdout);
  const [major, minor] = [Number(version?.[1]), Number(version?.[2])];
  const [oldMajor, oldMinor] = oldestCmake;
  if (major < oldMajor || (major === oldMajor && minor < oldMinor)) {
    throw new TerminalError({
      code: 'E_SETUP',
      message: `CMake is ${version?.[0]}; the native addon needs ${oldMajor}.${oldMinor} or newer`,
      hint: 'pip install cmake installs a current one, or set CMAKE to its path',
    });
  }
  return cmake;
}

async function findCompiler(
  machine: Machine,
): Promise<Pick<Toolchain, 'compiler' | 'compilerVersion'>> {
  const given = machine.env['CXX'];
  for (const compiler of given ? [given] : ['c++', 'g++', 'clang++']) {
    const ran = await machine.run(compiler, ['--version']);
    if (ran.kind === 'ended' && ran.ok) {
      return { compiler, compilerVersion: ran.stdout.split('\n')[0] ?? '' };
    }
  }
  const observed = given ? `CXX is ${given}, which does not run` : 'no C++ compiler is on the PATH';
  throw missing(`${observed}; it builds the native addon`, machine, {
    apt: 'g++ cmake',
    dnf: 'gcc-c++ cmake',
    brew: 'xcode-select --install',
  });
}

async function requireCxx20(machine: Machine, compiler: string, version: string): Promise<void> {
  const args = ['-std=c++20', '-x', 'c++', '-fsyntax-only', '-'];
  const ran = await machine.run(compiler, args, { input: probe });
  if (ran.kind === 'ended' && ran.ok) return;
  throw new TerminalError({
    code: 'E_SETUP',
    message: `${compiler} (${version}) does not compile C++20; libtorch's headers need it`,
    hint: 'install gcc 11, clang 14 or newer, and set CXX to it',
  });
}

interface Packages {
  readonly apt: string;
  readonly dnf: string;
  readonly brew: string;
}

function missing(message: string, machine: Machine, packages: Packages): TerminalError {
  const hint =
    machine.platform === 'darwin'
      ? packages.brew
      : `apt install ${packages.apt}, or dnf install ${packages.dnf}`;
  return new TerminalError({ code: 'E_SETUP', message, hint });
}
