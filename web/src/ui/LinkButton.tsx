import { Button, type ButtonProps, Menu, type MenuItemProps } from '@mantine/core'
import { createLink } from '@tanstack/react-router'
import type { AnchorHTMLAttributes, Ref } from 'react'

type Anchor = AnchorHTMLAttributes<HTMLAnchorElement> & { ref?: Ref<HTMLAnchorElement> }

/** A button that leads to another page. */
export const LinkButton = createLink((props: Omit<ButtonProps, keyof Anchor> & Anchor) => <Button component="a" {...props} />)

/** An entry of a menu that leads to another page. */
export const LinkItem = createLink((props: Omit<MenuItemProps, keyof Anchor> & Anchor) => <Menu.Item component="a" {...props} />)
