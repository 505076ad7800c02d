// The parts of the project that run in a cluster: by the labels that the chart gives them, and by
// their names, for whoever may read single objects of that namespace and not list them.

export function partsOf(component: 'operator' | 'nats'): string {
  return `app.kubernetes.io/name=anneal,app.kubernetes.io/component=${component}`;
}

/** The lease by which one operator leads. */
export function leaseName(release: string): string {
  return `${fullName(release)}-operator`;
}

/** The servers of the bus are numbered. */
export function busPodName(release: string, index: number): string {
  return `${fullName(release)}-nats-${index}`;
}

/** As the chart makes it of the name of a release. */
function fullName(release: string): string {
  return release.includes('anneal') ? release : `${release}-anneal`;
}
