import hooks from 'eslint-plugin-react-hooks'
import { readdirSync } from 'node:fs'
import ts from 'typescript-eslint'

/** The arrows: app → features → {api, ui, lib}. `ui` knows no route and no endpoint; features do not import each other. */
const forbid = (files, rooms) => ({
  files,
  rules: {
    'no-restricted-imports': [
      'error',
      { patterns: rooms.map((room) => ({ regex: `^(\\.\\./)+${room}(/|$)`, message: 'see the arrows in eslint.config.js' })) },
    ],
  },
})

const features = readdirSync('src/features')

export default ts.config(
  { ignores: ['dist', 'src/api/schema.d.ts', 'artefacts'] },
  ...ts.configs.strict,
  { plugins: { 'react-hooks': hooks }, rules: hooks.configs.recommended.rules },
  {
    rules: {
      '@typescript-eslint/no-non-null-assertion': 'error',
      '@typescript-eslint/no-invalid-void-type': 'off',
    },
  },
  forbid(['src/lib/**'], ['app', 'api', 'features', 'ui']),
  forbid(['src/ui/**'], ['app', 'api', 'features']),
  forbid(['src/api/**'], ['app', 'features', 'ui']),
  ...features.map((feature) =>
    forbid([`src/features/${feature}/**`], ['app', ...features.filter((other) => other !== feature), 'features']),
  ),
)
