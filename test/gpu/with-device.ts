// Loads the emulated CUDA device into this process, as the product loads its CUDA kernels.
import { thisSetup } from '../../cli/setup/setup.ts';
import { native } from '../../worker/tensor/native.ts';
import { emulatorVariable, ensureEmulator } from '../setup/emulator.ts';

native.loadLibrary(
  process.env[emulatorVariable] ?? (await ensureEmulator(thisSetup(new AbortController().signal))),
);
