/*
 * Loaded into a process of Postern (`--import`): the system gives no process at first, and later does.
 */
import cluster from 'node:cluster'

if (cluster.isPrimary) {
  const fork = cluster.fork.bind(cluster)
  let count = 0
  cluster.fork = (...given) => {
    count += 1
    if (count <= 2) throw Object.assign(new Error('canary: spawn'), { code: 'EAGAIN' })
    return fork(...given)
  }
}
