/**
 * Read by AVA before each test file that runs on the emulated device (ava.device.config.js): from
 * here on, what a test makes and names no device for lies on `cuda:0`, and our operators run as
 * CUDA kernels.
 */
import { thisSetup } from '../../cli/setup/setup.ts';
import { native } from '../../worker/tensor/native.ts';
import { emulatorVariable, ensureEmulator } from '../setup/emulator.ts';

native.loadLibrary(
  process.env[emulatorVariable] ?? (await ensureEmulator(thisSetup(new AbortController().signal))),
);
// Never ended: the outermost scope of this process.
native.scopeBegin('cuda:0');
