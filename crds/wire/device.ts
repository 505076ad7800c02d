// The schema of the name of a device: run records and records of trainers carry it.
import * as z from 'zod';
import { type DeviceName, isDeviceName } from '../names/device-name.ts';

export type { DeviceName } from '../names/device-name.ts';

export const deviceName = z.custom<DeviceName>(
  isDeviceName,
  'must be cpu, or cuda:<n> such as cuda:0',
);
