import test from 'ava';
import { findToolchain } from '../../../cli/setup/toolchain.ts';
import type { AnnealError } from '../../../crds/failures/errors.ts';
import type { Program } from '../../doubles/machine.ts';
import { aMachine, breaks, says } from '../../doubles/machine.ts';

const cmake: Program = () => says('cmake version 3.25.1\n\nCMake suite');
const gcc: Program = (args) =>
  args.includes('--version') ? says('g++ (Debian 12.2.0) 12.2.0\nCopyright') : says('');

const refusal = test.macro({
  async exec(
    t,
    double: Parameters<typeof aMachine>[0],
    expected: { readonly message: string; readonly hint: string },
  ) {
    const error = await t.throwsAsync<AnnealError>(findToolchain(aMachine(double)));
    t.is(error?.code, 'E_SETUP');
    t.is(error?.message, expected.message);
    t.is(error?.hint, expected.hint);
  },
  title: (what) => `${what} is one sentence with the way to install it`,
});

test('a compiler is known by its first line, whatever it is called', async (t) => {
  const machine = aMachine({ programs: { cmake, 'g++': gcc } });
  t.deepEqual(await findToolchain(machine), {
    compiler: 'g++',
    compilerVersion: 'g++ (Debian 12.2.0) 12.2.0',
    cmake: 'cmake',
  });
});

test('CXX and CMAKE are used when they are given', async (t) => {
  const env = { CXX: 'clang++-16', CMAKE: '/opt/cmake' };
  const machine = aMachine({ env, programs: { '/opt/cmake': cmake, 'clang++-16': gcc } });
  const { compiler, cmake: found } = await findToolchain(machine);
  t.deepEqual([compiler, found], ['clang++-16', '/opt/cmake']);
});

test(
  'no CMake',
  refusal,
  { programs: { 'c++': gcc } },
  {
    message: 'CMake is not on the PATH; it builds the native addon',
    hint: 'apt install cmake, or dnf install cmake',
  },
);

test(
  'no CMake on macOS',
  refusal,
  { platform: 'darwin', programs: { 'c++': gcc } },
  {
    message: 'CMake is not on the PATH; it builds the native addon',
    hint: 'brew install cmake',
  },
);

const oldCmake: Program = () => says('cmake version 3.16.3');
test(
  'an old CMake',
  refusal,
  { programs: { cmake: oldCmake, 'c++': gcc } },
  {
    message: 'CMake is 3.16.3; the native addon needs 3.18 or newer',
    hint: 'pip install cmake installs a current one, or set CMAKE to its path',
  },
);

test(
  'no compiler',
  refusal,
  { programs: { cmake } },
  {
    message: 'no C++ compiler is on the PATH; it builds the native addon',
    hint: 'apt install g++ cmake, or dnf install gcc-c++ cmake',
  },
);

test(
  'a CXX that does not run',
  refusal,
  { env: { CXX: 'g++-99' }, programs: { cmake } },
  {
    message: 'CXX is g++-99, which does not run; it builds the native addon',
    hint: 'apt install g++ cmake, or dnf install gcc-c++ cmake',
  },
);

const gcc8: Program = (args) =>
  args.includes('--version') ? says('g++ 8.5.0') : breaks("error: 'concepts': no such file");
test(
  'a compiler without C++20',
  refusal,
  { programs: { cmake, 'c++': gcc8 } },
  {
    message: "c++ (g++ 8.5.0) does not compile C++20; libtorch's headers need it",
    hint: 'install gcc 11, clang 14 or newer, and set CXX to it',
  },
);
