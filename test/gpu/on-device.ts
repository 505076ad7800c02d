/**
 * Read by AVA before each test file that runs on the emulated device (ava.device.config.js): from
 * here on, what a test makes and names no device for lies on `cuda:0`, and our operators run as
 * CUDA kernels.
 */
import { native } from '../../worker/tensor/native.ts';
import './with-device.ts';

// Never ended: the outermost scope of this process.
native.scopeBegin('cuda:0');
