"""Labelled images: folders, tables, torchvision's datasets and rendered digits, decoded, split and made small."""
