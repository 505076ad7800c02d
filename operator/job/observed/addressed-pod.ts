// A pod that the operator asks how it is, with its address.
import * as z from 'zod';
import type { Resource } from '../../runtime/resource.ts';
import { type Pod, pods } from './pod.ts';

const addressed = z.object({ status: z.object({ podIP: z.string().optional() }).prefault({}) });

export type AddressedPod = Pod & { readonly podIP: string | undefined };

export const addressedPods: Resource<AddressedPod> = {
  ...pods,
  read: (raw) => ({ ...pods.read(raw), podIP: addressed.parse(raw).status.podIP }),
};
