// One switch for the instruction set of all arithmetic in the process: ANNEAL_CPU_LEVEL. Our
// kernels read it themselves (kernels/isa.cc); the libraries below have variables of their own,
// which they read when they first compute something. So a processor can compute as a lesser one
// does, and every level is tested wherever the processor has it.
import { UserError } from '../../crds/failures/errors.ts';

export const levelVariable = 'ANNEAL_CPU_LEVEL';

/** Each includes those before it. */
export const cpuLevels = ['avx2', 'avx512', 'amx'] as const;

export type CpuLevel = (typeof cpuLevels)[number];

/**
 * The variables of ATen, oneDNN and MKL. The last two use less where the processor lacks a part of
 * a level (AVX-512 without products of bfloat16); ATen does not check.
 */
export const libraryVariables: Readonly<Record<CpuLevel, Readonly<Record<string, string>>>> = {
  avx2: {
    ATEN_CPU_CAPABILITY: 'avx2',
    ONEDNN_MAX_CPU_ISA: 'AVX2',
    MKL_ENABLE_INSTRUCTIONS: 'AVX2',
  },
  avx512: {
    ATEN_CPU_CAPABILITY: 'avx512',
    ONEDNN_MAX_CPU_ISA: 'AVX512_CORE_BF16',
    MKL_ENABLE_INSTRUCTIONS: 'AVX512_E3',
  },
  amx: {
    ATEN_CPU_CAPABILITY: 'avx512',
    ONEDNN_MAX_CPU_ISA: 'AVX512_CORE_AMX',
    MKL_ENABLE_INSTRUCTIONS: 'AVX512_E4',
  },
};

/** Undefined where no level is asked for: each library then uses the best it supports. */
export function readLevel(wanted: string | undefined): CpuLevel | undefined {
  if (wanted === undefined || wanted === '') return undefined;
  const level = cpuLevels.find((each) => each === wanted);
  if (level === undefined) throw refused(wanted, 'it must be avx2, avx512 or amx');
  return level;
}

/** Call before anything is computed: unsupported instructions would kill the process. */
export function requireLevel(wanted: CpuLevel | undefined, best: string): void {
  if (wanted === undefined || wanted === best) return;
  const has = best === 'portable' ? 'has none of avx2, avx512 and amx' : `has at most ${best}`;
  throw refused(wanted, `this processor ${has}`);
}

function refused(value: string, rule: string): UserError {
  return new UserError({
    ...{ code: 'E_USAGE', path: levelVariable, value },
    message: `${levelVariable} is ${value}; ${rule}`,
    hint: `unset ${levelVariable} to use all that the processor has`,
  });
}
