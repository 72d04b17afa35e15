use super::*;

const ADDRESS: &str = "https://chat.example.com/join/0123-4567-89AB-CDEF";

/// What a scanner reads in a square of pixels, dark or light.
fn scanned(side: usize, is_dark: impl Fn(usize, usize) -> bool) -> String {
    let grey = |x, y| if is_dark(x, y) { 0 } else { u8::MAX };
    let mut picture = rqrr::PreparedImage::prepare_from_greyscale(side, side, grey);
    let found = picture.detect_grids();
    assert_eq!(found.len(), 1, "one code in the picture");
    found[0].decode().unwrap().1
}

#[test]
fn a_png_is_read_back_at_any_size() {
    for side in [41, 64, 300, 1_000] {
        let file = png(ADDRESS, side).unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(file))
            .read_info()
            .unwrap();
        let mut grey = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut grey).unwrap();
        assert_eq!((info.width, info.height), (side, side));
        let side = side as usize;
        // A scanner wants a few pixels a module.
        let zoom = 1 + 200 / side;
        let is_dark = |x: usize, y: usize| grey[(y / zoom) * side + x / zoom] == 0;
        assert_eq!(scanned(side * zoom, is_dark), ADDRESS, "{side} pixels");
    }
}

/// The dark modules of our own SVG: every sub-path is `Mx yhWv1h-Wz`.
fn dark_in(svg: &str) -> Vec<(usize, usize)> {
    let (_, path) = svg.split_once("fill=\"#000\" d=\"").unwrap();
    let (path, _) = path.split_once('"').unwrap();
    let number = |text: &str| text.parse::<usize>().unwrap();
    let runs = path.split_terminator('z').flat_map(|run| {
        let (start, width) = run.strip_prefix('M').unwrap().split_once('h').unwrap();
        let (x, y) = start.split_once(' ').unwrap();
        let (width, back) = width.split_once("v1h-").unwrap();
        assert_eq!(width, back, "a closed rectangle");
        let (x, y) = (number(x), number(y));
        (x..x + number(width)).map(move |x| (x, y))
    });
    runs.collect()
}

#[test]
fn an_svg_is_read_back() {
    let svg = svg(ADDRESS).unwrap();
    let (_, side) = svg.split_once("viewBox=\"0 0 ").unwrap();
    let side: usize = side.split(' ').next().unwrap().parse().unwrap();
    let dark = dark_in(&svg);
    let is_dark = |x: usize, y: usize| dark.contains(&(x / 8, y / 8));
    assert_eq!(scanned(side * 8, is_dark), ADDRESS);
    assert!(svg.starts_with("<svg xmlns=") && svg.ends_with("</svg>\n"));
}

#[test]
fn a_terminals_half_blocks_are_read_back() {
    let drawn = text(ADDRESS).unwrap();
    let lines: Vec<Vec<char>> = drawn.lines().map(|line| line.chars().collect()).collect();
    let side = lines[0].len();
    assert_eq!(lines.len(), side.div_ceil(2), "two rows a line");
    let is_dark = |x: usize, y: usize| {
        let (x, y) = (x / 8, y / 8);
        let dark = match lines[y / 2][x] {
            '█' => (false, false),
            '▀' => (false, true),
            '▄' => (true, false),
            ' ' => (true, true),
            other => panic!("{other}"),
        };
        if y % 2 == 0 { dark.0 } else { dark.1 }
    };
    assert_eq!(scanned(side * 8, is_dark), ADDRESS);
}

#[test]
fn what_does_not_fit_is_refused() {
    let long = "x".repeat(TEXT_LEN_MAX);
    assert!(svg(&long).is_ok());
    let longer = "x".repeat(TEXT_LEN_MAX + 1);
    let refused = PictureError::TooLong {
        have: TEXT_LEN_MAX + 1,
        max: TEXT_LEN_MAX,
    };
    assert_eq!(svg(&longer), Err(refused));
    assert!(matches!(
        png(ADDRESS, 40),
        Err(PictureError::Size { have: 40, .. })
    ));
    assert!(matches!(
        png(ADDRESS, 4_097),
        Err(PictureError::Size { .. })
    ));
}

#[test]
fn other_scripts_are_read_back() {
    let file = svg("家长群 2").unwrap();
    let dark = dark_in(&file);
    let side = 8 * (21 + 2 * QUIET_MODULES);
    let is_dark = |x: usize, y: usize| dark.contains(&(x / 8, y / 8));
    assert_eq!(scanned(side, is_dark), "家长群 2");
}
