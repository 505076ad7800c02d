import * as z from 'zod';
import { servedNamePattern } from '../names/served-names.ts';

/** Of a model in a request. */
export const servedName = z
  .string()
  .regex(
    new RegExp(`^${servedNamePattern}$`),
    'must begin with a letter or digit, and have letters, digits, . _ and - alone, at most 128',
  );
