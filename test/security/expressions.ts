import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  isCallExpression,
  isIdentifier,
  isNoSubstitutionTemplateLiteral,
  isPropertyAccessExpression,
  isRegularExpressionLiteral,
  isStringLiteral,
  isTemplateExpression,
  isTypeReferenceNode,
  type Node,
} from 'typescript/unstable/ast'
import { API } from 'typescript/unstable/sync'

const source = fileURLToPath(new URL('../../src/', import.meta.url))

export interface FoundExpressions {
  /** Of every file: each expression that is written down, as it is written. */
  readonly literals: readonly { readonly where: string; readonly text: string }[]
  /** Where an expression is made of something else: `RegExp` as a value, or a text where an expression is due. */
  readonly made: readonly string[]
}

/** Methods that make an expression of a text. */
const expressionMethods = new Set(['match', 'matchAll', 'search'])

const isText = (node: Node) =>
  isStringLiteral(node) || isTemplateExpression(node) || isNoSubstitutionTemplateLiteral(node)

/** Every expression of `src/`, from its syntax trees. */
export function findExpressions(): FoundExpressions {
  const literals: { where: string; text: string }[] = []
  const made: string[] = []
  for (const { name, tree } of parsedFiles()) {
    const visit = (node: Node): void => {
      const where = `src/${name}:${tree.text.slice(0, node.end).split('\n').length}`
      if (isRegularExpressionLiteral(node)) literals.push({ where, text: node.text })
      if (isIdentifier(node) && node.text === 'RegExp' && !isTypeReferenceNode(node.parent)) made.push(where)
      if (
        isCallExpression(node) &&
        isPropertyAccessExpression(node.expression) &&
        expressionMethods.has(node.expression.name.text) &&
        node.arguments.some((one) => isText(one))
      )
        made.push(where)
      node.forEachChild(visit)
    }
    visit(tree)
  }
  return { literals, made }
}

/** Syntax only: without the files of types the compiler is done at once. */
function parsedFiles() {
  const folder = mkdtempSync(join(tmpdir(), 'postern-expressions-'))
  const project = join(folder, 'tsconfig.json')
  writeFileSync(
    project,
    JSON.stringify({
      compilerOptions: { noLib: true, noResolve: true, types: [] },
      include: [`${source}**/*.ts`],
    }),
  )
  const api = new API({ cwd: source })
  try {
    const program = api.updateSnapshot({ openProjects: [project] }).getProject(project)?.program
    return (program?.getSourceFileNames() ?? []).flatMap((file) => {
      const tree = program?.getSourceFile(file)
      return tree === undefined ? [] : [{ name: relative(source, file), tree }]
    })
  } finally {
    api.close()
    rmSync(folder, { recursive: true })
  }
}
