/**
 * CUDA C++ as test/gpu/emulator reads it. A C++ compiler takes most of it with a few macros; two
 * things it does not: a launch, `kernel<<<grid, block>>>(…)`, and variables in shared memory, which
 * every block must find unwritten. Lines stay where they are, so that a message names the line of
 * the source.
 */

/**
 * The text of a .cu or .cuh file for a C++ compiler. Throws where a `<<<` has no kernel before it
 * or no end.
 */
export function emulatedSource(text: string): string {
  return withLaunches(withSharedVariables(withDynamicShared(text)));
}

/** `extern __shared__ unsigned char memory[];` is a pointer to what the launch gives the block. */
function withDynamicShared(text: string): string {
  const declared = /extern\s+__shared__\s+(?:__align__\(\d+\)\s+)?([\w ]+?)\s+(\w+)\[\];/g;
  return text.replace(declared, '$1* $2 = ::emulator::dynamic_shared();');
}

/** `__shared__ float a[8], b;` is a reference for each of them. */
function withSharedVariables(text: string): string {
  return text.replace(/__shared__\s+([\w:]+)\s+([^;]+);/g, (_, type: string, declarators: string) =>
    declarators
      .split(',')
      .map((declarator) => {
        const [, name = '', bounds = ''] =
          /^\s*(\w+)\s*((?:\[[^\]]*\])*)\s*$/.exec(declarator) ?? [];
        if (name === '') throw new Error(`a shared variable is not understood: ${declarator}`);
        return `auto& ${name} = ::emulator::shared_variable<${type}${bounds}>([] {});`;
      })
      .join(' '),
  );
}

function withLaunches(text: string): string {
  let result = '';
  let at = 0;
  for (const { index: open } of text.matchAll(/<<</g)) {
    const close = text.indexOf('>>>', open);
    const start = startOfKernel(text, open);
    if (close < 0 || start === undefined) {
      throw new Error(
        `a launch is not understood: ${text.slice(Math.max(0, open - 60), open + 60)}`,
      );
    }
    const kernel = text.slice(start, open);
    result += `${text.slice(at, start)}::emulator::launch(${launched(kernel)}, ${text.slice(open + 3, close)})`;
    at = close + 3;
  }
  return result + text.slice(at);
}

/** Where the name before `<<<` begins, template arguments included. */
function startOfKernel(text: string, open: number): number | undefined {
  const before = text.slice(0, open).trimEnd();
  const bare = before.endsWith('>') ? before.slice(0, openingOf(before)) : before;
  const name = /[\w:]+$/.exec(bare);
  return name === null ? undefined : name.index;
}

function openingOf(text: string): number {
  let depth = 0;
  for (let at = text.length - 1; at >= 0; at -= 1) {
    if (text[at] === '>') depth += 1;
    if (text[at] === '<') depth -= 1;
    if (depth === 0) return at;
  }
  return 0;
}

/**
 * Its name, and the kernel: how to call it, and its address where the types of the arguments are
 * those of its parameters.
 */
function launched(kernel: string): string {
  const name = kernel.trim().replace(/\s+/g, ' ');
  const call = `[&](auto... arguments) { ${kernel}(arguments...); }`;
  const pointer = `static_cast<void (*)(P...)>(${name})`;
  const address =
    `[&]<class... P>(void (*)(P...)) -> const void* { if constexpr (requires { ${pointer}; }) ` +
    `return reinterpret_cast<const void*>(${pointer}); else return nullptr; }`;
  return `"${name}", ::emulator::Kernel{${call}, ${address}}`;
}
